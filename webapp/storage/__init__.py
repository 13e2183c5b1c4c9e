"""What the site keeps: records, jobs, accounts and the trail in a database; signals and uploads as files."""
