"""The parts of the storm: the app's process, the platforms, what is checked afterwards."""
