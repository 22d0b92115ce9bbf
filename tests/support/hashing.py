"""Passwords in tests: the product's own algorithm with one iteration, so that a served process knows them too."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 1
