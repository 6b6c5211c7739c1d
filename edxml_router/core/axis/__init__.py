"""How e-offices and the national document axis speak to each other: the calls of its SDK, as values."""
