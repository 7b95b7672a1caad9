"""Amazon's review dumps of 2014, 2018 and 2023: download, reading, filtering and conversion to atomic files."""
