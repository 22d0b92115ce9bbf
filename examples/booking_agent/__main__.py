"""`python -m examples.booking_agent`: the agent alone."""

import sys

from examples.booking_agent.app import main

sys.exit(main())
