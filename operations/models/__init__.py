"""The nouns of the operations floor."""

from operations.models.budgets import Budget, BudgetWarning, Repricing, ReviewRate
from operations.models.channels import Channel, Delivery
from operations.models.costs import CostEntry, ModelPrice
from operations.models.incidents import Incident, Recovery
from operations.models.metrics import RollUp, RollUpDue
from operations.models.monitors import Alarm, Monitor
from operations.models.reports import ImprovementItem, OwnershipReport

__all__ = [
    "Alarm",
    "Budget",
    "BudgetWarning",
    "Channel",
    "CostEntry",
    "Delivery",
    "ImprovementItem",
    "Incident",
    "ModelPrice",
    "Monitor",
    "OwnershipReport",
    "Recovery",
    "Repricing",
    "ReviewRate",
    "RollUp",
    "RollUpDue",
]
