"""What the product does. No Flask here, and no commits but those that say so."""
