"""The paper: the names its figures have in the tables, and the numbers it prints.

The paper is "Densing Law of LLMs", Nature Machine Intelligence 7, 1823-1833 (2025), "NMI" for short;
its preprint is arXiv 2412.04315 v2 (2024).

Not here: the values read off its figures (`facts`), and anything computed from either.
"""

from datetime import date

NMI = "nmi-2025"
"""Name of the paper's reference law, of its capability level and of its windows."""

PREPRINT = "nmi-2025-v2"
"""Name of the preprint's reference law."""

NMI_AVERAGE = "nmi-2025-average"
"""Name of the score set of the paper's models: averages read off its figure."""

NMI_PREFIX = "nmi-2025/"
"""Prefix of the ids of the models as plotted in the paper."""

NMI_TOKENS, PREPRINT_TOKENS = 5e12, 1e12
"""Training tokens D0 at which each version reads its reference law."""

FIRST_MODEL = date(2023, 2, 24)
"""Release of Llama-1, the first model of the paper's trend; days of a trend are counted from here."""

LAST_MODEL = date(2025, 4, 5)
"""Release of the newest model in the paper."""

LAST_MODEL_OF_PREPRINT = date(2024, 12, 5)
"""Release of the newest model in the preprint."""

FIRST_PRICE, LAST_PRICE = date(2022, 11, 30), date(2024, 8, 12)
"""First and last point of the cheapest line of Fig. 3a."""

PRICE_FOLD = 20 / 0.075
"""How much cheaper the last of the ten prices of Fig. 3a is than the first."""

TREND_DOUBLING_DAYS = 106.2
"""Doubling time of density by the paper's own trend line, as printed."""

DENSITY_DOUBLING_DAYS = 99.0
"""Doubling time of density that the paper combines with that of hardware, as printed."""

HARDWARE_DOUBLING_YEARS = 2.1
"""Doubling time of FLOPS per dollar of machine-learning GPUs that the paper uses (Hobbhahn, Heumos
and Besiroglu 2023, Trends in machine learning hardware, Epoch AI)."""

COMBINED_DOUBLING_DAYS = 87.7
"""Doubling time of density and hardware together; the paper prints 88."""

PREPRINT_DOUBLING_DAYS = 95.0
"""Doubling time of density claimed by the preprint."""

DENSITY_DOUBLING_MONTHS = 3.5
"""Doubling time of density claimed by the paper."""

PRICE_HALVING_MONTHS = 2.6
"""Halving time of the price of a capability claimed by the paper."""
