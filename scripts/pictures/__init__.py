"""Pictures of the tool at work, for the documents."""
