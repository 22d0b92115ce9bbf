"""Other people's tools read our exports: what they make of a file is the only proof that it has their format."""
