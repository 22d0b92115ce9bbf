"""The tests mirror the apps; what several of them share is in factories.py and support/."""
