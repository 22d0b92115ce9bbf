"""The nouns of the operations floor: none yet that need a table."""
