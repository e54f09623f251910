"""What a run will cost, what it asks of a scheduler, and how far it is: all without torch."""
