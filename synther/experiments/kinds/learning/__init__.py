"""Learning curves of offline agents."""
