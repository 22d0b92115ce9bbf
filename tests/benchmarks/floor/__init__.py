"""The floor of B1: a site of Django and its REST framework that inserts the rows of a decision and does nothing else."""
