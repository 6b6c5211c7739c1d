"""How far the inventories of links were compared, and the gaps that were found."""
