"""The nouns of the operations floor."""

from operations.models.channels import Channel, Delivery
from operations.models.costs import CostEntry, ModelPrice
from operations.models.incidents import Incident, Recovery
from operations.models.metrics import RollUp, RollUpDue
from operations.models.monitors import Alarm, Monitor

__all__ = [
    "Alarm",
    "Channel",
    "CostEntry",
    "Delivery",
    "Incident",
    "ModelPrice",
    "Monitor",
    "Recovery",
    "RollUp",
    "RollUpDue",
]
