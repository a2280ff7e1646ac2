"""Local training and the model: per-record gradients, and the step that moves the model."""
