"""An AI application under governance: it reads what guests write, and books, moves and cancels tables."""
