"""A real AI application under governance: it triages a support inbox, and asks before it acts (README.md)."""
