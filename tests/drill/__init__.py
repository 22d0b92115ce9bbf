"""The failure drill: silent failures in live streams, and who noticed (`make drill`)."""
