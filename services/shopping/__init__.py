"""Shopping: the products, the carts and the holds of unique products."""
