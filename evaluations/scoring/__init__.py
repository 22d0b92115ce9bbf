"""Whether an answer is right, and whether a candidate may go out: the arithmetic of evaluation runs.

Two rooms: `scorers` (one answer against what people taught) and `gates` (all of them against the baseline's). Nothing
here knows Django.
"""
