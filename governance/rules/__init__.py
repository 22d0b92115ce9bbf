"""The rule language and the policy document: pure Python that knows nothing of Django, so that a policy can be
checked, tested and replayed anywhere the same way as in the running service.
"""
