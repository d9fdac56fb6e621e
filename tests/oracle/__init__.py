"""A slow reading of the policy language that shares no code with the product, and a generator of policies and cases."""
