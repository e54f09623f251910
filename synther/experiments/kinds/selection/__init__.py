"""The score of the policy that one would choose after few episodes online."""
