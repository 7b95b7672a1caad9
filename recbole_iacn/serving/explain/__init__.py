"""Why a trained model recommends what it recommends, by the interests of a history."""
