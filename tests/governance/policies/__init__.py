"""The life of a policy: drafted, submitted, approved by somebody else, in force, rolled back."""
