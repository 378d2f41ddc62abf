"""The page SQL: editor, query runs, error reports, exports, charts, examples, schema browser."""
