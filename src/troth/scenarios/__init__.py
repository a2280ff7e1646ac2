"""Complete studies that can be run: data, terms and the story they tell."""
