"""For developers at their own machine: turns seen from inside, failures on demand, reload, new dialogs and brands."""
