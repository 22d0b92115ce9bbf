"""The formats in which a dataset leaves. Each is a pure writer: it is given pages of examples and what they are a copy of,
and yields the bytes of one document piece by piece, so that memory does not grow with the dataset. No Django in here."""
