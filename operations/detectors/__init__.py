"""What tells a change from chance: the detectors behind every monitor, each with a stated interval between its false
alarms.

Pure functions and frozen states. `cusum` (sequential detectors: state in, state and signal out), `run_lengths` (how
long they run), `designs` (parameters from a baseline that is only an estimate; what can be detected), `windows` (one
window against the baseline), `arrivals` (silence, and events that stay out), `volume` (counts an hour, with their
season), `inputs` (numbers and categories of inputs in any language), `documents` (everything as JSON and back).
Nothing here knows Django. numpy and scipy are imported where they compute. How they work and what they promise stands
in docs/explanation/detectors.md.
"""

from operations.detectors.arrivals import (
    SilenceDesign,
    missing_events_false_alarm_interval,
    missing_events_threshold,
    silence_threshold,
    silence_threshold_for_rate,
)
from operations.detectors.cusum import BernoulliCusum, GaussianCusum, Signal, run, update
from operations.detectors.designs import (
    DetectableChange,
    RateDesign,
    design_mean_monitor,
    design_rate_monitor,
    minimum_detectable_change,
)
from operations.detectors.documents import from_json, to_json
from operations.detectors.inputs import (
    TrigramModel,
    categories_shift,
    category_counts,
    category_paths,
    fit_input_reference,
    fit_trigram_model,
    input_length,
    surprise,
)
from operations.detectors.means import MeanDesign, MeanMonitor
from operations.detectors.run_lengths import (
    bernoulli_arl,
    bernoulli_run_length_quantile,
    bernoulli_threshold,
    gaussian_arl,
    gaussian_run_length_quantile,
    gaussian_threshold,
)
from operations.detectors.shortfalls import InsufficientData
from operations.detectors.volume import VolumeBaseline, VolumeMonitor, fit_volume_baseline
from operations.detectors.windows import KsResult, PsiResult, false_alarm_interval, ks, psi

__all__ = [
    "BernoulliCusum",
    "DetectableChange",
    "GaussianCusum",
    "InsufficientData",
    "KsResult",
    "MeanDesign",
    "MeanMonitor",
    "PsiResult",
    "RateDesign",
    "Signal",
    "SilenceDesign",
    "TrigramModel",
    "VolumeBaseline",
    "VolumeMonitor",
    "bernoulli_arl",
    "bernoulli_run_length_quantile",
    "bernoulli_threshold",
    "categories_shift",
    "category_counts",
    "category_paths",
    "design_mean_monitor",
    "design_rate_monitor",
    "false_alarm_interval",
    "fit_input_reference",
    "fit_trigram_model",
    "fit_volume_baseline",
    "from_json",
    "gaussian_arl",
    "gaussian_run_length_quantile",
    "gaussian_threshold",
    "input_length",
    "ks",
    "minimum_detectable_change",
    "missing_events_false_alarm_interval",
    "missing_events_threshold",
    "psi",
    "run",
    "silence_threshold",
    "silence_threshold_for_rate",
    "surprise",
    "to_json",
    "update",
]
