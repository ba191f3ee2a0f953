"""ReClothes on AWS, as code: the CDK application, and the proof of who can reach whom."""
