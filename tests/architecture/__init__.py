"""The habits of the house that a machine can hold."""
