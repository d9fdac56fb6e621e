"""Text in, content facts out: normalisation, lexicon and frames; rules decide what a fact means."""
