"""`synther verify`: are results whole, made from what lies here, and what the configuration asks?

Reads files and specs only: neither torch nor what made the results.
"""

from synther.verification.findings import Finding, Report
from synther.verification.walk import verify

__all__ = ["Finding", "Report", "verify"]
