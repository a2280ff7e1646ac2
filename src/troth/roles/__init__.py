"""The parties of a study as pure functions: state and inbox in, state and outbox out."""
