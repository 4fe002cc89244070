-- Schema 3: the address of the page of a version's run, as whoever made the version gave it.

ALTER TABLE model_version ADD COLUMN run_link TEXT;
