"""The paper's claims, each with its effect, interval and verdict."""
