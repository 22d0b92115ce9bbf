"""Programs that check a promise about chance by playing it out many times; each prints the table that the docs carry."""
