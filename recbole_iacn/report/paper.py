"""The papers' results, for comparison with ours: AUC, mean and standard deviation of five runs.

Jaiswal & Xiong (IaCN), RecSys '23, table 1 and figure 2; the same values, with more digits, in the MICN paper (under
review at ICLR 2022), tables 2, 3 and 4, where delta is called phi.

Wang et al. (TiMiRec), CIKM '22, table 2.
"""

# Amazon's reviews by category, of which the first paper has two: the data beside which its figures may stand.
# fmt: off
REVIEWS = {
    "Amazon_Instant_Video", "Apps_for_Android", "Automotive", "Baby", "Beauty", "Books", "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories", "Clothing_Shoes_and_Jewelry", "Digital_Music", "Electronics",
    "Grocery_and_Gourmet_Food", "Health_and_Personal_Care", "Home_and_Kitchen", "Kindle_Store",
    "Movies_and_TV", "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies",
    "Sports_and_Outdoors", "Tools_and_Home_Improvement", "Toys_and_Games", "Video_Games",
}
# fmt: on

# (dataset, backbone) -> (the backbone, with the task)
TABLE1 = {
    ("Electronics", "WideDeep"): ((0.7461, 0.0015), (0.7502, 0.0010)),
    ("Electronics", "DIN"): ((0.7569, 0.0009), (0.7606, 0.0013)),
    ("Electronics", "DIEN"): ((0.7706, 0.0021), (0.7723, 0.0002)),
    ("Books", "WideDeep"): ((0.7860, 0.0013), (0.7928, 0.0009)),
    ("Books", "DIN"): ((0.7970, 0.0010), (0.8002, 0.0009)),
    ("Books", "DIEN"): ((0.8534, 0.0018), (0.8633, 0.0019)),
}

# delta -> DIEN with the task on Books; without the task: .8534
DELTA = {
    0.1: (0.8620, 0.0018),
    0.2: (0.8636, 0.0019),
    0.3: (0.8638, 0.0005),
    0.4: (0.8636, 0.0013),
    0.5: (0.8606, 0.0012),
    0.6: (0.8606, 0.0014),
    0.7: (0.8625, 0.0010),
    0.8: (0.8624, 0.0018),
    0.9: (0.8621, 0.0012),
    1.0: (0.8602, 0.0022),
}

# history length -> (DIEN, with the task) on Books
LENGTH = {
    10: ((0.8543, 0.0016), (0.8571, 0.0018)),
    20: ((0.8534, 0.0018), (0.8633, 0.0019)),
    50: ((0.8505, 0.0022), (0.8613, 0.0014)),
}

# The order of table 2 of the TiMiRec paper.
RANKED = (
    "GRU4Rec",
    "YouTubeDNN",
    "MIND",
    "ComiRec",
    "TiMiRec",
    "SASRec",
    "TiSASRec",
    "ComiRecPlus",
    "TiMiRecPlus",
)

# (the better model, the other) according to that table.
BETTER = (("ComiRec", "MIND"), ("TiMiRec", "ComiRec"), ("TiSASRec", "SASRec"), ("TiMiRecPlus", "ComiRecPlus"))

# (dataset, model) -> (HR@10, NDCG@10). TiMiRec's NDCG@10 is printed as .1118, which contradicts its other metrics:
# given those at 5, 10 and 20 it lies in [.1170, .1205]; .1188 differs from the printed value in one digit.
TABLE2 = {
    ("Beauty", "GRU4Rec"): (0.1552, 0.0873),
    ("Beauty", "YouTubeDNN"): (0.1563, 0.0870),
    ("Beauty", "MIND"): (0.1727, 0.0981),
    ("Beauty", "ComiRec"): (0.1832, 0.1038),
    ("Beauty", "TiMiRec"): (0.2006, 0.1188),
    ("Beauty", "SASRec"): (0.2058, 0.1192),
    ("Beauty", "TiSASRec"): (0.2084, 0.1266),
    ("Beauty", "ComiRecPlus"): (0.2123, 0.1272),
    ("Beauty", "TiMiRecPlus"): (0.2196, 0.1313),
    ("ml-1m", "GRU4Rec"): (0.3964, 0.2273),
    ("ml-1m", "YouTubeDNN"): (0.3406, 0.1942),
    ("ml-1m", "MIND"): (0.2881, 0.1558),
    ("ml-1m", "ComiRec"): (0.3659, 0.2078),
    ("ml-1m", "TiMiRec"): (0.4310, 0.2529),
    ("ml-1m", "SASRec"): (0.4407, 0.2593),
    ("ml-1m", "TiSASRec"): (0.4397, 0.2625),
    ("ml-1m", "ComiRecPlus"): (0.3906, 0.2249),
    ("ml-1m", "TiMiRecPlus"): (0.4556, 0.2741),
}
