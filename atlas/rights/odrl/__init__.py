"""ODRL 2.2: license terms as policies and back, policies of others with what they lose, and an evaluator."""
