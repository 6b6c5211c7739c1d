"""Sets of rules in the database: parts by digest, and which set was applied from when on."""
