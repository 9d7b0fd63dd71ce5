"""`python -m agent` is `printwarden-agent`."""

import sys

from agent.cli import main

sys.exit(main())
