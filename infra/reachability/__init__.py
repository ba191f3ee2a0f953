"""Who can reach whom, computed from the synthesized templates alone. No CDK and no AWS is needed here."""
