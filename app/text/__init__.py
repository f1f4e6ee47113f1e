"""Text of pages: escapes, the glossary, sentences made from numbers, and the source of a number."""
