"""Amazon's review dumps of 2014, 2018 and 2023: downloaded, read, filtered, written as atomic files."""
