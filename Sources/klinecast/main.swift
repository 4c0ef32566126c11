print("klinecast")
