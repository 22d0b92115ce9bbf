"""A month of the mail example in minutes: the product under a clock that the story sets, everything else as it is."""
