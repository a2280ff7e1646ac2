"""The ``troth`` command: reads options, shows progress, prints what the rooms below found out."""
