"""One rig a push channel: its edge, its fake platform, the customer's app. A module here joins by itself."""
