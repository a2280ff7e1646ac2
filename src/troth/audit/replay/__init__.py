"""The contracts as plain Python: what each transaction must do, so that an audit can tell."""
