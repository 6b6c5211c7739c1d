"""Pictures for pages, drawn here as SVG: values in, text out."""
