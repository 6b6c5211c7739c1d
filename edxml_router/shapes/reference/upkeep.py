"""What the fields mean of copies of a node, and of its journal, and what was made from them (part of the glossary)."""

from __future__ import annotations

from typing import Final

UPKEEP: Final[dict[str, str]] = {
    "Backup.configuration": "Whether node.toml and the files that it names, keys too, are in it.",
    "Backup.journal_size": "How many of its entries are numbered.",
    "Backup.manifest": "SHA-256 of its manifest.json.",
    "Backup.root": "The root of the tree over the numbered entries.",
    "Backup.schema": "The revision of its tables.",
    "Backup.size": "The bytes of its database and large bodies.",
    "Backup.version": "The version of the program that made it.",
    "Drill.body_count": "How many bodies, small and large, were read by their digest.",
    "Drill.delivery_count": "How many deliveries follow from its journal.",
    "Drill.folder": "The copy's folder.",
    "Drill.journal_size": "How many entries of the copy's journal are numbered.",
    "Drill.letter_count": "How many of the newest letters were told with their history.",
    "Drill.made_at": "When the copy was made.",
    "Drill.node_size": "How many entries the node's own journal has; null where there is none to compare with.",
    "Drill.problems": "What is wrong with the copy.",
    "Drill.seconds": "How long it took.",
    "Restore.ended_log": "The log under whose name nothing is signed any more; empty where none was.",
    "Restore.folder": "The copy's folder.",
    "Restore.made_at": "When the copy was made.",
    "Restore.open": "How many deliveries have not ended, by state.",
    "Restore.recoveries": "Who repeats what is missing.",
    "TileCheck.damages": "Files that are not those of the checkpoint, the first hundred.",
    "TileCheck.damage_count": "How many files are wrong.",
    "TileCheck.file_count": "How many files were read.",
    "TileCheck.folder": "The folder that was verified.",
    "TileCheck.missing": "Files that should be there, the first hundred.",
    "TileCheck.missing_count": "How many files should be there and are not.",
    "TileCheck.root_by_entries": "The root over the entries in the files; null where some are missing.",
    "TileCheck.root_by_tiles": "The root by the tiles that are not full; null where one of them is missing.",
    "TileCheck.size": "How many entries the checkpoint speaks of.",
    "TileCheck.sound": "Whether every file is there and right, and both roots are that of the checkpoint.",
    "Tiles.file_count": "How many files were written now.",
    "Tiles.folder": "The folder that they are in.",
    "Tiles.size": "How many entries of the journal are in the folder.",
    "Restore.since": "What came after this moment is missing.",
}
